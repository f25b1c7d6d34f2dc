/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The terminal while `top` runs: alternate screen, keys without Enter, signals. */
#ifndef TP_CLI_SCREEN_H
#define TP_CLI_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

enum screen_event { SCREEN_TIMEOUT, SCREEN_RESIZED, SCREEN_QUIT };

/* Takes the terminal when stdout is one; SIGINT, SIGTERM and SIGHUP ask to quit either way. */
void screen_enter(void);
/* Gives it back. Also registered with atexit(), so that no way out leaves it behind. */
void screen_leave(void);
bool screen_active(void);

/* Columns and rows; 0 when there is no terminal. */
void screen_size(unsigned int *columns, unsigned int *rows);

/* Shows the first `rows` lines of `text` instead of what is there. */
void screen_draw(const char *text, unsigned int rows);

/* Waits for the deadline (tp_now() clock), a new size, or a wish to quit (signal or q). */
enum screen_event screen_wait(uint64_t deadline);
bool screen_quit_asked(void);

#endif
