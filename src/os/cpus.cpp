#include "os/cpus.hpp"

#include "os/cgroup.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace cohort::os {
namespace {

/// Processors a quota per period is worth; a large number for none ("max", or -1).
double worth(std::string const& quota, double period) {
  std::istringstream text(quota);
  double microseconds = 0;
  if (!(text >> microseconds) || microseconds <= 0) return 1e9;
  text >> period;  // "quota period" in one line of the unified hierarchy's cpu.max
  return microseconds / period;
}

double quota() {
  constexpr double default_period = 100'000;
  auto const quotas = control_group_values("cpu", "cpu.max", "cpu.cfs_quota_us");
  auto const periods = control_group_values("cpu", "cpu.max", "cpu.cfs_period_us");
  double least = 1e9;
  for (std::size_t i = 0; i < quotas.size(); ++i) {
    double period = default_period;
    if (i < periods.size()) std::istringstream(periods[i]) >> period;
    least = std::min(least, worth(quotas[i], period));
  }
  return least;
}

unsigned affinity() {
  // A machine with more than 1024 processors needs a larger set: EINVAL says so.
  for (int processors = 1024; processors <= 1 << 20; processors *= 2) {
    cpu_set_t* const set = CPU_ALLOC(processors);
    auto const size = CPU_ALLOC_SIZE(processors);
    int const count = ::sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) return static_cast<unsigned>(count);
  }
  return cpu_count();
}

}  // namespace

unsigned cpu_count() { return static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))); }

unsigned usable_cpu_count() {
  return static_cast<unsigned>(std::max(1.0, std::min<double>(affinity(), std::ceil(quota()))));
}

}  // namespace cohort::os
