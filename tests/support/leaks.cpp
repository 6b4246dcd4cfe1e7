// Fails each test case that leaves something behind: a child process (running or a zombie), a descriptor, a
// thread, an entry in /dev/shm. It compares what there is when the case begins (and each time that it is
// run again for another section or generated value) with what there is when it ends.
#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <thread>

#define CATCH_CONFIG_EXTERNAL_INTERFACES  // Catch2 2 declares listeners only then
#include "support/catch.hpp"
#include "support/library.hpp"
#include "support/proc.hpp"

namespace {

using namespace cohort::test;
#if __has_include(<catch2/catch_all.hpp>)
using Listener = Catch::EventListenerBase;
#else
using Listener = Catch::TestEventListenerBase;
#endif

/// What a process has, each with the words to report it by.
struct Belongings {
  std::map<pid_t, std::string> children, threads;
  std::map<std::string, std::string> descriptors;
  std::set<std::string> shared_memory = cohort::test::shared_memory();

  Belongings() {
    for (auto const& child : processes()) {
      if (child.parent != ::getpid()) continue;
      children[child.pid] = fmt::format("child {} ({}): {}", child.pid, child.state, child.command);
    }
    for (auto const& thread : entries("/proc/self/task")) {
      auto const name = read_text(thread / "comm");
      if (name.empty()) continue;
      auto const tid = thread.filename().string();
      threads[std::atoi(tid.c_str())] = fmt::format("thread {}: {}", tid, name.substr(0, name.size() - 1));
    }
    auto const reader = fmt::format("/proc/{}/fd", ::getpid());
    for (auto const& descriptor : entries("/proc/self/fd")) {
      std::error_code error;
      auto const target = std::filesystem::read_symlink(descriptor, error).string();
      if (error || target == reader) continue;  // the one that listed the directory
      if (is_kept(std::atoi(descriptor.filename().c_str()), target)) continue;
      auto const line = fmt::format("descriptor {}: {}", descriptor.filename().string(), target);
      descriptors[line] = line;
    }
  }
};

template <class Map> void list_new(std::string& report, char const* word, Map const& old, Map const& now) {
  for (auto const& [key, text] : now) {
    if (!old.contains(key)) report += fmt::format("\n  {}{}", word, text);
  }
}

/// A line for each thing that came, and for each descriptor that went (closed by one who did not own it).
std::string difference(Belongings const& before, Belongings const& after) {
  std::string report;
  list_new(report, "", before.children, after.children);
#ifndef __SANITIZE_THREAD__  // which starts a thread of its own with the program's first
  list_new(report, "", before.threads, after.threads);
#endif
  list_new(report, "", before.descriptors, after.descriptors);
  list_new(report, "closed: ", after.descriptors, before.descriptors);
  for (auto const& path : new_shared_memory(before.shared_memory, ::getpid())) report += "\n  " + path;
  return report;
}

/// Threads and children end some time after they have been told to: gives them half a second.
std::string what_is_left(Belongings const& before) {
  auto const deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  for (;;) {
    auto report = difference(before, Belongings());
    if (report.empty() || std::chrono::steady_clock::now() > deadline) return report;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

class LeakCheck : public Listener {
 public:
  using Listener::Listener;

  // The outermost "section" is the body of the test case. A failure inside of it still counts for the case.
  void sectionStarting(Catch::SectionInfo const& section) override {
    Listener::sectionStarting(section);
    if (depth_++ > 0) return;
    settle_library();
    before_.emplace();
  }

  void sectionEnded(Catch::SectionStats const& section) override {
    if (--depth_ == 0) {
      settle_library();
      if (auto const left = what_is_left(*before_); !left.empty()) FAIL_CHECK("left behind:" << left);
    }
    Listener::sectionEnded(section);
  }

 private:
  int depth_ = 0;
  std::optional<Belongings> before_;
};

CATCH_REGISTER_LISTENER(LeakCheck)

}  // namespace
