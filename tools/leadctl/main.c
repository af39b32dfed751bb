/*
 * leadctl: looks into a lead relay and steers it.
 *
 *   arguments -> command -> (configuration, state_dir) -> request -> daemon, or here ->
 * words
 */
#include "leadctl.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
