/* received: how many bytes a TCP socket has received so far, by the kernel's count (0
 * where it does not say). Apart because the kernel's header and the C library's exclude
 * each other. */
#ifndef LEADRELAY_NET_RECEIVED_H
#define LEADRELAY_NET_RECEIVED_H

#include <stdint.h>

uint64_t bytes_received(int fd);

#endif
