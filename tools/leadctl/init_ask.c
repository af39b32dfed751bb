/* A terminal's answers: a line at a time, secrets unseen, and what a signal leaves. */
#include "init.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_SIZE 8192

/* For the signal handler: a process has one terminal. */
static struct termios before;
static volatile sig_atomic_t is_hidden;

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#define ENDING_COUNT (sizeof(ending) / sizeof(*ending))

static void on_end(int signal_number)
{
	static const char words[] = "\nleadctl: ended; nothing was written\n";

	if (is_hidden)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	(void)!write(STDERR_FILENO, words, sizeof(words) - 1);
	raise(signal_number); /* SA_RESETHAND: as if nobody had caught it */
}

void ask_begin(void)
{
	struct sigaction action = {
		.sa_handler = on_end, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ENDING_COUNT; i++)
		sigaction(ending[i], &action, NULL);
}

void ask_end(void)
{
	for (size_t i = 0; i < ENDING_COUNT; i++)
		signal(ending[i], SIG_DFL);
}

/* Nor is the terminal given away (Ctrl-Z) while nothing is seen. */
static bool hide(void)
{
	struct termios unseen;

	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	unseen = before;
	unseen.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	unseen.c_lflag |= ECHONL;
	unseen.c_cc[VSUSP] = _POSIX_VDISABLE;
	is_hidden = 1;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &unseen);
	return true;
}

static void show(void)
{
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	is_hidden = 0;
}

static char *trimmed(char *line)
{
	size_t len;

	line += strspn(line, " \t");
	len = strlen(line);
	while (len > 0 && strchr(" \t\r\n", line[len - 1]))
		len--;
	return strndup(line, len);
}

static char *read_line(void)
{
	char line[LINE_MAX_SIZE];
	char *got, *answer = NULL;

	do {
		clearerr(stdin);
		got = fgets(line, sizeof(line), stdin);
	} while (!got && ferror(stdin) && errno == EINTR);
	if (got)
		answer = trimmed(line);
	explicit_bzero(line, sizeof(line));
	return answer;
}

char *ask_line(const char *prompt, bool hidden)
{
	bool unseen = hidden && hide();
	char *answer;

	fprintf(stderr, "%s", prompt);
	fflush(stderr);
	answer = read_line();
	if (unseen)
		show();
	if (!answer)
		fputc('\n', stderr);
	return answer;
}
