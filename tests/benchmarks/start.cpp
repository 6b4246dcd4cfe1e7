/// Start and join of a process by each method, against raw fork and raw posix_spawn of the same binary, in
/// turns.
///
///     build/tests/benchmarks/bench_start [MiB resident in this process]
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cohort/multiprocessing.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "start/start.hpp"

namespace mp = cohort::multiprocessing;

namespace {

void do_nothing() {}

double now() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void by_cohort(char const* method) {
  auto process = mp::get_context(method).Process(do_nothing);
  process.start();
  process.join();
}

void by_fork() {
  auto const pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
}

void by_posix_spawn() {
  char program[] = "bench_start", only_exit[] = "exit";
  char* arguments[] = {program, only_exit, nullptr};
  pid_t pid;
  if (::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, arguments, environ) != 0) std::abort();
  ::waitpid(pid, nullptr, 0);
}

struct Row {
  char const* name;
  void (*run)();
  std::vector<double> times{};
  double median() {
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }
};

}  // namespace

int main(int argc, char** argv) {
  // The peer of spawn: the same program, loaded and linked, that ends at once.
  if (argc > 1 && std::strcmp(argv[1], "exit") == 0) return 0;
  mp::freeze_support();
  std::size_t const mebibytes = argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 0;
  std::vector<char> const resident(mebibytes << 20, 1);

  Row rows[]{{"raw fork", by_fork},
             {"raw posix_spawn", by_posix_spawn},
             {"cohort fork", [] { by_cohort("fork"); }},
             {"cohort forkserver", [] { by_cohort("forkserver"); }},
             {"cohort spawn", [] { by_cohort("spawn"); }}};
  for (int round = 0; round < 200; ++round)
    for (auto& row : rows) {
      auto const begin = now();
      row.run();
      if (round >= 5) row.times.push_back(now() - begin);
    }
  fmt::print("start + join, {} MiB resident, medians of {} rounds in turns:\n", mebibytes,
             rows[0].times.size());
  for (auto& row : rows)
    fmt::print("  {:<18} {:8.0f} us   {:5.2f} x raw fork   {:5.2f} x raw posix_spawn\n", row.name,
               row.median(), row.median() / rows[0].median(), row.median() / rows[1].median());
}
