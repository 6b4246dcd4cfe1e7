#include "start/start.hpp"

#include "os/error.hpp"
#include "os/pidfd.hpp"
#include "os/thread.hpp"

#include <signal.h>

/// fork: the child is a copy of this process, and anything can be its body. Locks that other threads hold at
/// this moment stay locked in the child for ever: in a program with threads the fork server is the safe
/// method.
namespace cohort::start {
namespace {

/// Whether a child may be reaped the moment it ends, and its pid be free for others: by the kernel, where
/// SIGCHLD is ignored, or by the program's own handler.
bool reaped_by_others() {
  struct sigaction action {};
  ::sigaction(SIGCHLD, nullptr, &action);
  return action.sa_handler != SIG_DFL || (action.sa_flags & SA_NOCLDWAIT) != 0;
}

}  // namespace

std::shared_ptr<Child> start_by_fork(Order const& order) {
  Bonds bonds;
  bool const gated = reaped_by_others();
  auto const pid = ::fork();
  if (pid < 0) os::fail(errno, "cannot fork {}", order.identity.name);
  if (pid == 0) {
    bonds.lifeline.parent_end.reset();
    bonds.sentinel.readable.reset();
    bonds.child_mark.release();
    os::restore_programs_mask();
    char gate;
    if (gated && os::retry([&] { return ::read(bonds.lifeline.child_end.get(), &gate, 1); }) != 1) ::_exit(1);
    run_child(order.identity, std::move(bonds.lifeline.child_end), order.body);
  }
  os::Descriptor pidfd;
  try {
    if (!bonds.sentinel.readable) pidfd = os::pidfd_open(pid);
  } catch (std::system_error const&) {
    Bonds::undo(pid);
    throw;
  }
  if (gated) os::retry([&] { return ::write(bonds.lifeline.parent_end.get(), "", 1); });
  return bonds.child(order.identity, pid, std::move(pidfd));
}

}  // namespace cohort::start
