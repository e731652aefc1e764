// The contract suite: scripts of events and of what has to come of them.

#ifndef SCRIPT_H
#define SCRIPT_H

struct report {
  int passed, failed;
};

/** Run a script of `folder` and print a line for each law. */
void script_run(const char *folder, const char *script, struct report *report);

#endif
