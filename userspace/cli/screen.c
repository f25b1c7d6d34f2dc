// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "clock.h"

/* Alternate screen, no cursor, no wrapping of long lines; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"

static volatile sig_atomic_t quit, resized;
static bool active, keys;
static struct termios saved;

static void on_quit(int sig)
{
	(void)sig;
	quit = 1;
}

static void on_resize(int sig)
{
	(void)sig;
	resized = 1;
}

/* Poll ends by any signal. A write to a terminal that does not read ends by those that ask to quit
 * (flags: 0), but goes on after one that tells of another size (SA_RESTART): it would be an error
 * of stdout's for good. */
static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

/* ^Z is off: the shell would inherit the alternate screen. ^C still is a signal. */
static void take_keys(void)
{
	struct termios t;

	if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() ||
	    tcgetattr(STDIN_FILENO, &saved))
		return;
	t = saved;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	t.c_cc[VSUSP] = _POSIX_VDISABLE;
	keys = !tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

void screen_enter(void)
{
	handle(SIGINT, on_quit, 0);
	handle(SIGTERM, on_quit, 0);
	handle(SIGHUP, on_quit, 0);
	if (!isatty(STDOUT_FILENO))
		return;
	handle(SIGWINCH, on_resize, SA_RESTART);
	atexit(screen_leave);
	take_keys();
	active = true;
	fputs(ENTER, stdout);
	fflush(stdout);
}

void screen_leave(void)
{
	if (keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	keys = false;
	if (active) {
		fputs(LEAVE, stdout);
		fflush(stdout);
	}
	active = false;
}

bool screen_active(void)
{
	return active;
}

void screen_size(unsigned int *columns, unsigned int *rows)
{
	struct winsize ws = {0};

	resized = 0;
	if (active && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && !ws.ws_col) {
		ws.ws_col = 80; /* a terminal that does not know its size */
		ws.ws_row = 24;
	}
	*columns = ws.ws_col;
	*rows = ws.ws_row;
}

void screen_draw(const char *text, unsigned int rows)
{
	fputs("\033[H", stdout);
	for (unsigned int row = 0; *text && row < rows; row++) {
		size_t len = strcspn(text, "\n");

		printf("%s%.*s\033[K", row ? "\r\n" : "", (int)len, text);
		text += len + (text[len] == '\n');
	}
	fputs("\033[J", stdout);
	fflush(stdout);
}

static void read_key(void)
{
	char c;
	ssize_t n = read(STDIN_FILENO, &c, 1);

	if (n == 1 && (c == 'q' || c == 'Q'))
		quit = 1;
	else if (n < 0 && errno != EINTR && errno != EAGAIN)
		keys = false; /* the terminal is gone */
}

/* The signals are blocked but for the time of the wait itself, or one that comes just before it
 * would be slept through. */
enum screen_event screen_wait(uint64_t deadline)
{
	struct pollfd p = {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN};
	enum screen_event event = SCREEN_TIMEOUT;
	sigset_t block, before;

	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGHUP);
	sigaddset(&block, SIGWINCH);
	sigprocmask(SIG_BLOCK, &block, &before);
	while (!quit && !resized) {
		uint64_t now = tp_now(), left = deadline > now ? deadline - now : 0;
		struct timespec ts = {.tv_sec = (time_t)(left / TP_NS_PER_SEC),
				      .tv_nsec = (long)(left % TP_NS_PER_SEC)};
		int n = ppoll(&p, 1, &ts, &before);

		if (n > 0 && p.revents & POLLHUP)
			quit = 1;
		else if (n > 0)
			read_key();
		else if (n == 0)
			break;
	}
	if (quit)
		event = SCREEN_QUIT;
	else if (resized)
		event = SCREEN_RESIZED;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return event;
}

bool screen_quit_asked(void)
{
	return quit;
}
