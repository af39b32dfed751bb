/*
 * Run as root, leadctl becomes the owner of state_dir before it opens anything in it:
 * what it creates there belongs to the daemon, and a link planted there leads nowhere a
 * daemon could not go itself.
 */
#include "leadctl.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

/* The groups the daemon runs with: its account's, else the directory's only. */
static int take_groups(const struct stat *dir)
{
	const struct passwd *account = getpwuid(dir->st_uid);

	if (account && initgroups(account->pw_name, account->pw_gid) == 0)
		return setgid(account->pw_gid);
	return setgroups(1, &dir->st_gid) != 0 ? -1 : setgid(dir->st_gid);
}

enum err_code owner_become(const char *dir, struct err *err)
{
	struct stat status;

	if (geteuid() != 0 || stat(dir, &status) != 0 || status.st_uid == 0)
		return ERR_OK; /* a missing directory is told by whoever opens it */
	if (take_groups(&status) != 0 || setuid(status.st_uid) != 0)
		return err_errno(err, errno, "becoming the owner of %s", dir);
	if (setuid(0) == 0)
		return err_set(
			err, ERR_BUG, "still root after becoming the owner of %s", dir);
	return ERR_OK;
}
