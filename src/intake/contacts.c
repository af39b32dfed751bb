/* Where a lead goes and who is told of it. */
#include "leadrelay/route.h"
#include "request.h"

#include <stdlib.h>
#include <strings.h>

static bool is_among(const char *contact, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(contact, list[i]) == 0)
			return true;
	return false;
}

size_t intake_route(
	const struct intake_source *source, const struct lead *lead, int64_t *out)
{
	size_t count = 0;

	for (size_t i = 0; i < source->destination_count; i++) {
		const struct intake_destination *destination = &source->destinations[i];

		if (route_matches(destination->when, destination->when_count, lead))
			out[count++] = destination->id;
	}
	return count;
}

size_t intake_contacts(
	const struct intake_source *source, const struct lead *lead, const char **out)
{
	size_t count = 0;

	if (lead_do_not_contact(lead))
		return 0;
	for (size_t i = 0; i < source->destination_count; i++) {
		const struct intake_destination *destination = &source->destinations[i];
		const struct text_list *contacts = destination->contacts;

		if (!contacts ||
			!route_matches(destination->when, destination->when_count, lead))
			continue;
		for (size_t j = 0; j < contacts->count; j++)
			if (!is_among(contacts->items[j], out, count))
				out[count++] = contacts->items[j];
	}
	return count;
}

size_t intake_contacts_most(const struct intake_source *source)
{
	size_t count = 0;

	for (size_t i = 0; i < source->destination_count; i++)
		if (source->destinations[i].contacts)
			count += source->destinations[i].contacts->count;
	return count;
}

bool fill_contacts(struct request *request)
{
	const struct intake_source *source = &request->entry->source;
	const struct intake_mail *mail = &request->set->mail;
	size_t count = request->parsed.count, most = intake_contacts_most(source);
	const char **next;

	if (mail->destination == 0 || most == 0 || request->job.quarantine)
		return true;
	request->contacts = next = calloc(count * most, sizeof(*next));
	if (!next)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct accept_lead *to = &request->leads[i];

		to->contacts = next;
		to->contact_count = intake_contacts(source, &to->lead, next);
		next += to->contact_count;
	}
	request->job.digest_ms = mail->digest_ms;
	return true;
}
