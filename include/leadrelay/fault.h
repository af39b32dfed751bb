/*
 * fault: named places where a test can crash the program or make a step fail.
 *
 * Only with -DLEADRELAY_FAULT_POINTS=ON; otherwise both macros are constants and this
 * room holds no code for them. LEADRELAY_FAULT says what happens where, several separated
 * by commas:
 *
 *   NAME:kill[:N]   the N-th passing (default 1) of NAME raises SIGKILL: as power loss is
 *   NAME:stop[:N]   the same with SIGSTOP, until somebody sends SIGCONT
 *   NAME:exit[:N]   the same with _exit(70)
 *   NAME:hang[:N]   the thread that passes goes no further; the others do
 *   NAME:fail[:N]   FAULT_FAILS(NAME) is true at the N-th passing only
 *   NAME:fail:N+    FAULT_FAILS(NAME) is true from the N-th passing on (the other actions
 * take N+ too)
 *
 * Passings are counted per entry, over all threads. FAULT_FAILS is a FAULT_POINT as well.
 * The variable is read once, at the first passing of any point; one that is not
 * understood ends the program with status 70 and a word on standard error, so that no
 * test passes for want of a fault. Thread-safe.
 *
 * A name says room and moment, "send.2xx_before_mark": a string constant, each used in
 * one place.
 */
#ifndef LEADRELAY_FAULT_H
#define LEADRELAY_FAULT_H

#include <stdbool.h>

#ifdef LEADRELAY_FAULT_POINTS
#define FAULT_POINT(name) ((void)fault_pass(name))
#define FAULT_FAILS(name) fault_pass(name)

/* For the macros only. Does what is due here; true when the step has to fail. */
bool fault_pass(const char *name);
#else
#define FAULT_POINT(name) ((void)0)
#define FAULT_FAILS(name) (false)
#endif

#endif
