/* Threads on one CPU, each adding K times to a counter in a restartable section: arm, load, add, commit.
   Before any step the kernel may take the CPU away, and the section of the thread that had it has to
   begin again. */

#ifndef NP
#define NP 3 /* up to 4 */
#endif
#ifndef K
#define K 3
#endif

byte current, count, ended;
bool armed[NP], aborted[NP];

/* Thread `id` has the CPU, and in its section has to begin again, or goes on. */
#define RESTARTS (current == id && aborted[id])
#define GOES_ON (current == id && !aborted[id])

#define RESTART d_step { RESTARTS -> value = 0; armed[id] = false; aborted[id] = false }

proctype Thread(byte id) {
  byte turn, value;
restart:
  do
  :: d_step { current == id && turn < K -> armed[id] = true };
     if
     :: RESTART; goto restart
     :: d_step { GOES_ON -> value = count }
     fi;
     if
     :: RESTART; goto restart
     :: d_step { GOES_ON -> value++ }
     fi;
     if
     :: RESTART; goto restart
     :: d_step { GOES_ON -> count = value; value = 0; armed[id] = false; turn++ }
     fi
  :: d_step { current == id && turn == K -> ended++; assert(ended < NP || count == NP * K) }; break
  od
}

#define SWITCH(to) d_step { to < NP -> aborted[current] = armed[current]; current = to }

proctype Kernel() {
end:
  do
  :: SWITCH(0)
  :: SWITCH(1)
  :: SWITCH(2)
  :: SWITCH(3)
  od
}

init {
  byte id;
  atomic {
    for (id : 0 .. NP - 1) { run Thread(id) }
    run Kernel()
  }
}
