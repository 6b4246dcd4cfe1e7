#include "os/lifeline.hpp"

#include "os/error.hpp"

#include <fcntl.h>
#include <signal.h>

namespace cohort::os {

Lifeline make_lifeline() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    fail(errno, "cannot make the pipe that tells a child of its parent's end");
  return {Descriptor(ends[1]), Descriptor(ends[0])};
}

void die_with(Descriptor const& child_end) {
  int const pipe = child_end.get();
  if (::fcntl(pipe, F_SETOWN, ::getpid()) != 0 || ::fcntl(pipe, F_SETSIG, SIGKILL) != 0 ||
      ::fcntl(pipe, F_SETFL, O_ASYNC | O_NONBLOCK) != 0)
    fail(errno, "cannot tie this process to the life of its parent");
  // The signal tells of a change: a parent that died before it was asked for is noticed here.
  if (wait_hang_up(child_end, Timeout::Clock::now())) ::kill(::getpid(), SIGKILL);
}

bool wait_hang_up(Descriptor const& child_end, Deadline deadline) {
  return wait_readable(child_end.get(), deadline);
}

}  // namespace cohort::os
