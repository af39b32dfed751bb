/* queue: what a pending delivery or mail waits for. Internal to the store. */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

enum queue {             /* stored in the database: never renumber */
	QUEUE_FRESH = 1, /* never tried */
	QUEUE_RETRY = 2, /* tried; waits by the retry rule */
	QUEUE_DESTINATION =
		3,        /* tried; put off for the destination's sake: it can be woken */
	QUEUE_DIGEST = 4, /* a mail: the end of its window */
	QUEUE_CARRIED = 5, /* a mail: it goes with the carrier of its digest */
};
#define QUEUE_COUNT 4 /* that a claim reads */

#endif
