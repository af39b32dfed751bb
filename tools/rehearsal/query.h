/*
 * query: the part of OData's query options that is played: $select, $filter with
 * comparisons joined by "and", $orderby one column, $top.
 */
#ifndef REHEARSAL_QUERY_H
#define REHEARSAL_QUERY_H

#include <stdbool.h>

#include "crm.h"

enum { QUERY_TERMS = 8, QUERY_COLUMNS = 40 };

enum compare { COMPARE_EQ, COMPARE_NE, COMPARE_GT, COMPARE_GE, COMPARE_LT, COMPARE_LE };

struct term {
	char *column;
	enum compare compare;
	cJSON *literal;
};

struct query {
	char *select[QUERY_COLUMNS]; /* none: all */
	int select_count;
	struct term terms[QUERY_TERMS];
	int term_count;
	char *order; /* NULL: as created */
	bool descending;
	long top;
};

/* False: the exchange's reply says why. query is to be freed either way. */
bool query_parse(struct query *query, struct exchange *exchange);
void query_free(struct query *query);

bool query_matches(const struct query *query, const cJSON *row);
/* The address an "emailaddress1 eq" term asks for, or NULL. */
const char *query_email(const struct query *query);
int query_order(const struct query *query, const cJSON *a, const cJSON *b);
/* A new object with the selected columns of row; what a row lacks is null. */
cJSON *query_project(const struct query *query, const cJSON *row);

#endif
