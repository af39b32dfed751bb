/*
 * aad_errors: what a refusal of the Microsoft identity platform means. Decided by
 * "error", refined by the AADSTS number; Microsoft may change the numbers, so an unknown
 * one falls back on "error". For the files of this room only. Pure.
 */
#ifndef DESTINATIONS_AAD_ERRORS_H
#define DESTINATIONS_AAD_ERRORS_H

#include <stdbool.h>

enum aad_class {
	AAD_TRANSIENT, /* the service's own trouble: again, by the retry rule */
	AAD_SLOW,      /* asked too often: wait minutes */
	AAD_SECRET,    /* this secret is refused; another one may not be */
	AAD_IDENTITY,  /* tenant, application or user is not there or disabled */
	AAD_PASSWORD,  /* never asked again by itself: every try counts to a lock-out */
	AAD_POLICY,    /* an administrator has to allow it */
	AAD_TARGET,    /* the environment's URL, or the protocol's version, is wrong */
};

struct aad_rule {
	enum aad_class class;
	const char *remedy; /* "@" stands for where the secret is kept */
};

/* error may be NULL or unknown, number 0 or unknown. status is the HTTP status, for
 * answers without either; certificate: no secret was sent, but an assertion. */
struct aad_rule aad_classify(
	const char *error, long number, int status, bool certificate);
/* The number in "AADSTS7000222: ...", 0 when text does not start with one. */
long aad_number(const char *text);

#endif
