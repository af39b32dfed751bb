/* The files of the page: found by their path, answered from memory. */
#include "room.h"

#include <string.h>

const struct page *page_find(const char *path)
{
	for (size_t i = 0; i < admin_page_count; i++)
		if (strcmp(admin_pages[i].path, path) == 0)
			return &admin_pages[i];
	return NULL;
}

/* A browser asks each time whether it has changed: another version of leadrelay is seen
 * at once. */
void page_answer(struct inbound *in, const struct page *page)
{
	const char *known = inbound_header(in, "If-None-Match");

	inbound_header_add(in, "Cache-Control", "no-cache");
	inbound_header_add(in, "ETag", page->etag);
	if (known && strstr(known, page->etag))
		inbound_reply(in, 304, NULL, "", 0);
	else
		inbound_reply(in, 200, page->type, (const char *)page->bytes, page->len);
}
