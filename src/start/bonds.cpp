#include "os/error.hpp"
#include "os/pidfd.hpp"
#include "start/start.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

namespace cohort::start {
namespace {

bool has_pidfds() {
  static bool const has = static_cast<bool>(os::pidfd_open(::getpid()));
  return has;
}

}  // namespace

Bonds::Bonds() {
  if (has_pidfds()) return;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) os::fail(errno, "cannot make the pipe that tells of a child's end");
  sentinel.readable = os::Descriptor(ends[0]);
  child_mark = os::Descriptor(ends[1]);
}

void Bonds::undo(pid_t pid) {
  ::kill(pid, SIGKILL);
  os::retry([&] { return ::waitpid(pid, nullptr, 0); });
}

std::shared_ptr<Child> Bonds::child(Identity const& identity, pid_t pid, os::Descriptor pidfd) {
  // valgrind gives a pidfd with the clone but takes none to send a signal to: there the pipe stays.
  if (pidfd && !sentinel.readable) sentinel = {std::move(pidfd), true};
  if (!sentinel.readable) {  // it ended, and somebody else waited for it, before it could be opened
    sentinel.readable = os::make_lifeline().child_end;
  }
  return std::make_shared<Child>(identity, pid, std::move(sentinel), std::move(lifeline.parent_end));
}

}  // namespace cohort::start
