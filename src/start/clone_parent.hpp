#pragma once
#include "os/descriptor.hpp"

#include <sys/types.h>

#include <optional>

namespace cohort::start {

/// Forks a single-threaded process so that the child becomes its sibling: a child of the program that started
/// the fork server, which can wait for it like for any other.
///
/// The kernel does this for clone(CLONE_PARENT), but only libc's fork() tells libc. A raw clone leaves two
/// traps, both mended here: libc's cached thread id stays the parent's, so robust mutexes would be locked
/// under a wrong owner, and the child has no robust list, so they would stay locked for ever when it is
/// killed.
class CloneParent {
 public:
  /// None where the kernel or a sandbox does not tell what the mending needs.
  static std::optional<CloneParent> available();

  struct Result {
    pid_t pid;  ///< 0 in the child, -1 with errno set when it failed
    os::Descriptor pidfd;
  };
  Result clone() const;

 private:
  CloneParent(void* robust_list, unsigned long robust_size, int* thread_id)
      : robust_list_(robust_list), robust_size_(robust_size), thread_id_(thread_id) {}

  void* robust_list_;
  unsigned long robust_size_;
  int* thread_id_;  ///< where libc caches it
};

}  // namespace cohort::start
