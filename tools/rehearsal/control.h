/* control: the rehearsal's own API under /_rehearsal/, for tests and people; see
 * README.md. */
#ifndef REHEARSAL_CONTROL_H
#define REHEARSAL_CONTROL_H

struct exchange;

void control_answer(struct exchange *exchange);

#endif
