#include <cohort/multiprocessing/context.hpp>

#include "os/error.hpp"
#include "os/standard_streams.hpp"
#include "start/start.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

/// How a process that was exec'd by spawn or the fork server finds its letter.
///
/// The socket is always descriptor 3 and COHORT_BOOT in the environment its inode, so that a variable that
/// reached some other program by inheritance means nothing there. The variable is taken out of the
/// environment before any user code runs: the programs this process starts must not find it.
namespace cohort::start {
namespace {

constexpr int boot_descriptor = 3;

std::atomic<bool> frozen{false};
os::Descriptor& boot_socket() {
  static auto& socket = *new os::Descriptor;
  return socket;
}

void complain_at_exit() {
  if (!boot_socket()) return;
  std::fputs(
      "cohort: this process was started to run a Process, but the program ended before it reached "
      "cohort::multiprocessing::freeze_support(), which must be the first statement of main()\n",
      stderr);
  ::_exit(1);
}

void take_boot_variable() {
  char const* const inode = std::getenv("COHORT_BOOT");
  if (inode == nullptr) return;
  struct stat status {};
  bool const ours = ::fstat(boot_descriptor, &status) == 0 && S_ISSOCK(status.st_mode) &&
                    std::to_string(status.st_ino) == inode;
  ::unsetenv("COHORT_BOOT");
  if (!ours) return;
  ::fcntl(boot_descriptor, F_SETFD, FD_CLOEXEC);
  boot_socket() = os::Descriptor(boot_descriptor);
  std::atexit(complain_at_exit);
}

/// Before anything is opened here, by user code too: a connection in descriptor 0 could not be given to a
/// child.
__attribute__((constructor(101))) void begin() {
  os::open_standard_streams();
  take_boot_variable();
}

/// Ends a child that cannot even read what it should do.
[[noreturn]] void fail_boot(std::exception const& error) {
  fmt::print(stderr, "cohort: process {} could not start: {}\n", ::getpid(), error.what());
  ::_exit(1);
}

}  // namespace

void require_freeze_support(std::string_view method) {
  if (frozen) return;
  throw RuntimeError(fmt::format(
      "cohort: the {} start method runs this program again and needs this line first in main():\n\n"
      "    int main() {{\n"
      "      cohort::multiprocessing::freeze_support();\n\n"
      "Add it, or link with the CMake target cohort::autoboot where main() is not yours.",
      method));
}

bool has_freeze_support() { return frozen; }

}  // namespace cohort::start

namespace cohort::multiprocessing {

void freeze_support() {
  using namespace cohort::start;
  frozen = true;
  if (!boot_socket()) return;
  ::prctl(PR_SET_NAME, program_invocation_short_name);  // else it is "exe"
  auto const socket = std::move(boot_socket());
  try {
    auto letter = Letter::receive(socket.get());
    if (!letter) throw RuntimeError("the parent ended before it said what to do");
    run_letter(std::move(*letter));
  } catch (std::exception const& error) {
    fail_boot(error);
  }
}

}  // namespace cohort::multiprocessing
