#include "os/fault.hpp"

#ifdef COHORT_FAULTS
#include "os/error.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

namespace cohort::os {

namespace {

void act(std::string_view action) {
  if (action == "kill9") ::kill(::getpid(), SIGKILL);
  if (action == "stop") ::kill(::getpid(), SIGSTOP);
  if (action == "exit0") ::_exit(0);
  if (action == "abort") std::abort();
  if (action == "throw") throw std::runtime_error("cohort: fault point");
  if (action == "enospc") fail(ENOSPC, "fault point");
}

}  // namespace

void fault_point(char const* name) {
  static std::atomic<long> visits{0};
  char const* const setting = std::getenv("COHORT_FAULT");
  if (setting == nullptr) return;
  std::string_view rest(setting);
  auto const next_part = [&rest] {
    auto const end = std::min(rest.find(':'), rest.size());
    auto const part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return part;
  };
  if (next_part() != name) return;
  auto const action = next_part();
  long const nth = rest.empty() ? 1 : std::strtol(rest.data(), nullptr, 10);
  if (++visits == nth) act(action);
}

}  // namespace cohort::os
#endif
