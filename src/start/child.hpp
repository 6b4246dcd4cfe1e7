#pragma once
#include "os/lifeline.hpp"
#include "start/identity.hpp"

#include <unistd.h>

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace cohort::start {

/// How a parent sees that a child ended: a pidfd, or where there are none (valgrind, old kernels) the read
/// end of a pipe whose write end only the child holds.
struct Sentinel {
  os::Descriptor readable;
  bool is_pidfd = false;
};

/// A process this one started, shared by all its handles and by the registry.
///
/// It stays unreaped until somebody asks for its end, so its pid cannot be reused under a signal. Distinct
/// and shared objects are safe to use from several threads.
class Child {
 public:
  Child(Identity const& identity, pid_t pid, Sentinel sentinel, os::Descriptor lifeline);
  ~Child();

  std::string const& name() const { return name_; }
  bool daemon() const { return daemon_; }
  pid_t pid() const { return pid_; }
  int sentinel() const { return sentinel_.readable.get(); }
  memory::Slot slot() const { return slot_; }

  /// The exit code once the process ended (-N after signal N), and reaps it; none while it runs.
  std::optional<int> exitcode();
  /// Waits for the end; false when the deadline passed first.
  bool join(os::Deadline deadline);
  /// Does nothing once the process ended.
  void signal(int number);

  /// The same to the process group it leads.
  void signal_group(int number);

  /// What a dead process owned in the arena is given back when its end is seen, unless its heir asks for time
  /// to take over what it needs of it, and then settles the rest.
  void keep_estate();
  void settle_estate();

  /// In a forked child of this process: lets go of what belongs to the parent.
  void forget();

 private:
  bool exists() const;
  std::optional<int> reap_if_ended();
  int reap();

  /// Throws `AssertionError` in a forked child of the parent, which has a copy of this object.
  void check_parent(char const* verb) const;

  int const parent_ = ::getpid();
  std::string const name_;
  bool const daemon_;
  pid_t const pid_;
  memory::Slot const slot_;
  Sentinel sentinel_;
  std::mutex mutex_;  // guards what follows
  os::Descriptor lifeline_;
  std::optional<int> exitcode_;
  bool estate_kept_ = false;
  bool estate_settled_ = false;
};

/// The children this process started and has not reaped. Safe to call from several threads.
namespace children {
/// No fork happens in this process while it is held: the copy would have what is half made here, the lifeline
/// of a process that is being started for one, and keep it open.
std::unique_lock<std::recursive_mutex> hold_forks();

void add(std::shared_ptr<Child> child);
void remove(Child const& child);
/// Those still running; the others are reaped and dropped.
std::vector<std::shared_ptr<Child>> active();
}  // namespace children

}  // namespace cohort::start
