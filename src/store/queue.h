/* queue: what a pending delivery waits for. Internal to the store. */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

enum queue {             /* stored in the database: never renumber */
	QUEUE_FRESH = 1, /* never tried */
	QUEUE_RETRY = 2, /* tried; waits by the retry rule */
	QUEUE_DESTINATION =
		3, /* tried; put off for the destination's sake: it can be woken */
};
#define QUEUE_COUNT 3

#endif
