#include "start/exit.hpp"

#include "memory/slots.hpp"
#include "start/child.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>

namespace cohort::start {
namespace {

using namespace std::chrono_literals;

/// Time for a daemonic child to act on SIGTERM before it is killed.
constexpr auto grace = 300ms;

std::atomic<bool> exiting{false};

void end_children() {
  exiting = true;
  auto const all = children::active();
  for (auto const& child : all)
    if (child->daemon()) child->signal(SIGTERM);
  auto const deadline = Timeout::Clock::now() + grace;
  for (auto const& child : all)
    if (child->daemon() && !child->join(deadline)) child->signal(SIGKILL);
  for (auto const& child : all) child->join(std::nullopt);
}

void record_exitcode(int exitcode) {
  if (self().slot) memory::record_exit(self().slot, (exitcode & 0xff) << 8);
}

/// on_exit, unlike atexit, tells the status of a plain `std::exit(n)`.
void at_exit(int exitcode, void*) {
  end_children();
  record_exitcode(exitcode);
}

}  // namespace

void flush_standard_streams() {
  std::cout.flush();
  std::clog.flush();
  std::fflush(stdout);
  std::fflush(stderr);
}

void arrange_exit() {
  static int const arranged = ::on_exit(at_exit, nullptr);
  static_cast<void>(arranged);
}

bool is_exiting() { return exiting; }

void finish(int exitcode) {
  end_children();
  flush_standard_streams();
  record_exitcode(exitcode);
  ::_exit(exitcode);
}

}  // namespace cohort::start
