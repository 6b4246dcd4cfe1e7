#include "start/clone_parent.hpp"

#include <linux/sched.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace cohort::start {
namespace {

/// Whether libc writes the id at `thread_id` into a robust mutex that it locks: the owner the kernel looks
/// for.
bool owns_robust_mutexes(int const* thread_id) {
  pthread_mutexattr_t attributes;
  pthread_mutex_t mutex;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutex_init(&mutex, &attributes);
  ::pthread_mutex_lock(&mutex);
  constexpr int owner_bits = 0x3fffffff;  // FUTEX_TID_MASK
  bool const owns = (mutex.__data.__lock & owner_bits) == *thread_id && *thread_id == ::syscall(SYS_gettid);
  ::pthread_mutex_unlock(&mutex);
  ::pthread_mutex_destroy(&mutex);
  ::pthread_mutexattr_destroy(&attributes);
  return owns;
}

}  // namespace

std::optional<CloneParent> CloneParent::available() {
  void* robust_list = nullptr;
  unsigned long robust_size = 0;
  int* thread_id = nullptr;
  if (::syscall(SYS_get_robust_list, 0, &robust_list, &robust_size) != 0 || robust_list == nullptr) return {};
  if (::prctl(PR_GET_TID_ADDRESS, &thread_id) != 0 || thread_id == nullptr) return {};
  if (!owns_robust_mutexes(thread_id)) return {};
  return CloneParent(robust_list, robust_size, thread_id);
}

CloneParent::Result CloneParent::clone() const {
  int pidfd = -1;
  // Not clone3, which Docker's seccomp profile refuses. The exit signal of the child is this process's own.
  constexpr unsigned long flags = CLONE_PARENT | CLONE_PIDFD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
#if defined(__x86_64__) || defined(__riscv) || defined(__s390x__)
  auto const pid = static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, &pidfd, thread_id_, nullptr));
#else
  auto const pid = static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, &pidfd, nullptr, thread_id_));
#endif
  if (pid == 0) ::syscall(SYS_set_robust_list, robust_list_, robust_size_);
  return {pid, os::Descriptor(pid > 0 ? pidfd : -1)};
}

}  // namespace cohort::start
