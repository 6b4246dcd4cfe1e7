// Four processes at once; each knows its name, and leaves with an exit code.
#include <cohort/multiprocessing.hpp>

#include <fmt/format.h>

#include <cstdlib>
#include <vector>

namespace mp = cohort::multiprocessing;

void worker() { std::exit(static_cast<int>(mp::current_process().name().size())); }

int main() {
  mp::freeze_support();
  std::vector<mp::Process> processes;
  for (char const* name : {"red", "green", "blue", "yellow"})
    processes.emplace_back(mp::ProcessOptions{.name = name}, worker);
  for (mp::Process& p : processes) p.start();
  for (mp::Process& p : processes) {
    p.join();
    fmt::print("{} left with {}\n", p.name(), p.exitcode().value());
  }
}
