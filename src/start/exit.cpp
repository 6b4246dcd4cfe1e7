#include "start/exit.hpp"

#include "memory/slots.hpp"
#include "start/child.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <system_error>

namespace cohort::start {
namespace {

using namespace std::chrono_literals;

/// Time for a daemonic child to act on SIGTERM before it is killed.
constexpr auto grace = 300ms;

std::atomic<bool> exiting{false};

/// A child that has taken another user's rights can no longer be signalled: it is waited for like any other.
void signal(Child& child, int number) {
  try {
    child.signal(number);
  } catch (std::system_error const&) {}
}

void end_children() {
  exiting = true;
  auto const all = children::active();
  for (auto const& child : all)
    if (child->daemon()) signal(*child, SIGTERM);
  auto const deadline = Timeout::Clock::now() + grace;
  for (auto const& child : all)
    if (child->daemon() && !child->join(deadline)) signal(*child, SIGKILL);
  for (auto const& child : all) child->join(std::nullopt);
}

void record_exitcode(int exitcode) {
  if (self().slot) memory::record_exit(self().slot, (exitcode & 0xff) << 8);
}

}  // namespace

void flush_standard_streams() {
  std::cout.flush();
  std::clog.flush();
  std::fflush(stdout);
  std::fflush(stderr);
}

void arrange_exit() {
  static int const arranged = std::atexit(end_children);
  static_cast<void>(arranged);
}

void arrange_childs_exit() {
  exiting = false;  // it may have been forked during its parent's exit
  // on_exit, unlike atexit, tells the status. The newest handler runs first, so the parent's are never
  // reached.
  ::on_exit([](int exitcode, void*) { finish(exitcode); }, nullptr);
}

bool is_exiting() { return exiting; }

void finish(int exitcode) noexcept {
  end_children();
  flush_standard_streams();
  record_exitcode(exitcode);
  ::_exit(exitcode);
}

}  // namespace cohort::start
