// The SHA-256 of every regular file under a directory, computed by a pool of processes and printed as by
//     find DIRECTORY -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
// A file whose worker dies of it (--crash-on plays one) costs no other file: it is reported, the rest is
// hashed.
#include <cohort/multiprocessing.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <system_error>

#include "files.hpp"

namespace mp = cohort::multiprocessing;
namespace futures = cohort::concurrent::futures;

namespace {

/// What a task sends back.
struct Report {
  std::string lines;  // as sha256sum prints them
  std::vector<Failure> failures;
};

/// The task, run in a worker.
Report hash_files(std::vector<std::string> const& paths, std::string const& crash_on) {
  Report report;
  for (std::string const& path : paths) {
    if (!crash_on.empty() && path.substr(path.rfind('/') + 1) == crash_on) std::raise(SIGSEGV);
    try {
      report.lines += sha256sum_line(sha256(path), path);
    } catch (std::system_error const& error) {
      report.failures.push_back({path, error.code().message()});
    }
  }
  return report;
}

/// The pool, and what to do when one of its workers dies.
class Hasher {
 public:
  struct Task {
    std::span<std::string const> paths;
    mp::AsyncResult<Report> result;
  };

  Hasher(mp::PoolOptions const& options, std::string crash_on)
      : pool_(options), crash_on_(std::move(crash_on)) {}

  Task submit(std::span<std::string const> paths) {
    return {paths, pool_.apply_async(hash_files, std::vector(paths.begin(), paths.end()), crash_on_)};
  }

  Report finish(Task const& task) {
    try {
      return task.result.get();
    } catch (futures::BrokenProcessPool const& death) {
      if (task.paths.size() == 1) return {{}, {{task.paths.front(), death.what()}}};
    }
    // One of these files was fatal and the others are innocent: give each a task of its own.
    std::vector<Task> retries;
    for (std::string const& path : task.paths) retries.push_back(submit({&path, 1}));
    Report report;
    for (Task const& retry : retries) {
      Report const one = finish(retry);
      report.lines += one.lines;
      report.failures.insert(report.failures.end(), one.failures.begin(), one.failures.end());
    }
    return report;
  }

 private:
  mp::Pool pool_;
  std::string crash_on_;
};

/// A line on the terminal that says how far we are; nothing where stderr is no terminal.
class Progress {
 public:
  void show(std::size_t done, std::size_t total) {
    auto const now = std::chrono::steady_clock::now();
    if (!terminal_ || (shown_ && now < next_)) return;
    next_ = now + std::chrono::milliseconds(100);
    shown_ = true;
    fmt::print(stderr, "\r{} of {} files", done, total);
  }
  void erase() {
    if (shown_) fmt::print(stderr, "\r\33[K");
    shown_ = false;
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) == 1, shown_ = false;
  std::chrono::steady_clock::time_point next_{};
};

void print(std::vector<Failure> const& failures) {
  for (auto const& [path, reason] : failures)
    fmt::print(stderr, "checksum_tree: {}: {}\n", escaped(path), reason);
}

struct Options {
  std::string directory, start_method, workers, chunksize, crash_on;
};

/// What a positive number says; nothing if nothing was said.
std::optional<int> number(std::string const& text) {
  int value = 0;
  char const* const end = text.data() + text.size();
  if (text.empty()) return std::nullopt;
  if (std::from_chars(text.data(), end, value) != std::from_chars_result{end, std::errc()} || value < 1)
    throw std::invalid_argument(fmt::format("'{}' is not a positive number", text));
  return value;
}

/// Prints the checksums; returns how many files and directories could not be read.
std::size_t checksum_tree(Options const& options) {
  std::optional<int> const workers = number(options.workers), files_a_task = number(options.chunksize);
  // The workers start while we look for files.
  Hasher hasher({.processes = workers, .context = mp::get_context(options.start_method)}, options.crash_on);
  Tree const tree = list_files(options.directory);
  print(tree.failures);

  // Enough files in a task to hide its cost, and enough tasks to keep every worker busy to the end.
  std::size_t const tasks = 32 * workers.value_or(mp::process_cpu_count());
  std::size_t const chunksize = files_a_task.value_or(std::clamp<int>(tree.files.size() / tasks, 1, 64));
  // Lines come out in order, so a huge file holds back those behind it: let the other workers run far ahead.
  std::size_t const max_in_flight = 4096;

  std::deque<Hasher::Task> in_flight;
  std::span<std::string const> waiting = tree.files;
  std::size_t done = 0, failed = tree.failures.size();
  Progress progress;
  bool const lines_on_terminal = ::isatty(STDOUT_FILENO) == 1;
  while (done < tree.files.size()) {
    while (!waiting.empty() && in_flight.size() < max_in_flight) {
      in_flight.push_back(hasher.submit(waiting.first(std::min(chunksize, waiting.size()))));
      waiting = waiting.subspan(in_flight.back().paths.size());
    }
    Report const report = hasher.finish(in_flight.front());
    done += in_flight.front().paths.size();
    failed += report.failures.size();
    in_flight.pop_front();

    if (lines_on_terminal || !report.failures.empty()) progress.erase();
    print(report.failures);
    std::fwrite(report.lines.data(), 1, report.lines.size(), stdout);
    progress.show(done, tree.files.size());
  }
  progress.erase();
  if (failed != 0) fmt::print(stderr, "checksum_tree: {} could not be read\n", failed);
  return failed;
}

constexpr char const* usage =
    R"(Usage: checksum_tree [OPTION]... DIRECTORY
Print the SHA-256 of every regular file under DIRECTORY, in the order and format of sha256sum.

  --start-method METHOD  how workers start: fork, spawn or forkserver (the default)
  --workers N            how many processes hash (default: the CPUs this process may use)
  --chunksize N          how many files a worker gets at a time (default: by their number)
  --crash-on NAME        the worker that meets a file of this name dies of SIGSEGV

Exit status: 0 if all went well, 1 if a file or directory could not be read, 2 on any other error.
)";

Options parse(std::span<char* const> words) {
  std::map<std::string_view, std::string Options::*> const known{{"--start-method", &Options::start_method},
                                                                 {"--workers", &Options::workers},
                                                                 {"--chunksize", &Options::chunksize},
                                                                 {"--crash-on", &Options::crash_on}};
  Options options;
  for (auto word = words.begin(); word != words.end(); ++word) {
    auto const option = known.find(*word);
    if (option != known.end() && word + 1 != words.end())
      options.*option->second = *++word;
    else if (**word != '-' && options.directory.empty())
      options.directory = *word;
    else
      throw std::invalid_argument(fmt::format("cannot use '{}' here; see --help", *word));
  }
  if (options.directory.empty()) throw std::invalid_argument("give a directory; see --help");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  mp::freeze_support();
  try {
    std::span<char* const> const words(argv + 1, argv + argc);
    if (std::find(words.begin(), words.end(), std::string_view("--help")) != words.end()) {
      fmt::print("{}", usage);
      return 0;
    }
    std::size_t const failed = checksum_tree(parse(words));
    if (std::fflush(stdout) != 0 || std::ferror(stdout))
      throw std::runtime_error("cannot write the checksums");
    return failed == 0 ? 0 : 1;
  } catch (std::exception const& error) {
    fmt::print(stderr, "checksum_tree: {}\n", error.what());
    return 2;
  }
}
