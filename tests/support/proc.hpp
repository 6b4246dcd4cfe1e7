#pragma once
#include <sys/types.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

/// What /proc and /dev/shm tell about the processes of a test: read by the leak check and by `limit`.
namespace cohort::test {

struct ProcessEntry {
  pid_t pid, parent;
  char state;  // as in ps: R, S, D, Z for a zombie, T when stopped
  std::string command;
};

/// The whole of a file of /proc; empty when its process is gone.
inline std::string read_text(std::filesystem::path const& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();  // gives up without an exception when the process ends meanwhile
  return std::move(text).str();
}

/// The names in a directory, without those that cannot be read any more.
inline std::vector<std::filesystem::path> entries(std::filesystem::path const& directory) {
  std::vector<std::filesystem::path> result;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    result.push_back(it->path());
  }
  return result;
}

/// Every process of the machine that is visible.
inline std::vector<ProcessEntry> processes() {
  std::vector<ProcessEntry> result;
  for (auto const& directory : entries("/proc")) {
    auto const pid = static_cast<pid_t>(std::atoi(directory.filename().c_str()));
    if (pid <= 0) continue;
    // "pid (name) state parent ...": the name may hold blanks and brackets, so look for its last bracket.
    auto const stat = read_text(directory / "stat");
    auto const open = stat.find('('), close = stat.rfind(')');
    if (close == std::string::npos || stat.size() < close + 5) continue;
    auto command = read_text(directory / "cmdline");
    for (char& c : command) c = c ? c : ' ';
    if (command.empty()) command = stat.substr(open, close + 1 - open);
    result.push_back(
        {pid, static_cast<pid_t>(std::atoi(stat.c_str() + close + 4)), stat[close + 2], command});
  }
  return result;
}

/// The children of a process, their children, and so on. (Not from /proc/PID/task/TID/children: that needs
/// a kernel option.)
inline std::vector<ProcessEntry> descendants(pid_t root) {
  std::vector<ProcessEntry> result;
  std::multimap<pid_t, ProcessEntry> by_parent;
  for (auto& process : processes()) by_parent.emplace(process.parent, process);
  auto const add = [&](auto const& self, pid_t parent) -> void {
    auto const [begin, end] = by_parent.equal_range(parent);
    for (auto it = begin; it != end; ++it) {
      result.push_back(it->second);
      self(self, it->second.pid);
    }
  };
  add(add, root);
  return result;
}

/// What lies in /dev/shm.
inline std::set<std::string> shared_memory() {
  std::set<std::string> result;
  for (auto const& path : entries("/dev/shm")) result.insert(path);
  return result;
}

/// What has come to lie in /dev/shm since `before`, without what a process outside of the tree of `root` has
/// mapped: tests run side by side.
inline std::set<std::string> new_shared_memory(std::set<std::string> const& before, pid_t root) {
  auto result = shared_memory();
  std::erase_if(result, [&](auto const& path) { return before.contains(path); });
  if (result.empty()) return result;
  std::set<pid_t> tree{root};
  for (auto const& process : descendants(root)) tree.insert(process.pid);
  for (auto const& process : processes()) {
    if (tree.contains(process.pid)) continue;
    auto const maps = read_text("/proc/" + std::to_string(process.pid) + "/maps");
    std::erase_if(result, [&](auto const& path) { return maps.find(path) != std::string::npos; });
  }
  return result;
}

}  // namespace cohort::test
