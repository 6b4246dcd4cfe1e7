#include "os/launch.hpp"

#include "os/error.hpp"
#include "os/pidfd.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdint>

// The borrowed address space is the parent's: the child calls nothing but the kernel, allocates nothing, and
// the sanitizers' bookkeeping must not see it.
#define COHORT_BORROWED __attribute__((no_sanitize("address", "thread", "undefined")))

namespace cohort::os {
namespace {

constexpr std::uint64_t all_signals = ~std::uint64_t{0};

/// Keeps every signal away from this thread, glibc's own two included: a handler must not run in the borrowed
/// address space.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() { ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all_signals, &before_, sizeof before_); }
  ~AllSignalsBlocked() { ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_); }

 private:
  std::uint64_t before_ = 0;
};

/// What the kernel, unlike libc, takes as struct sigaction.
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  std::uint64_t mask;
};

struct Child {
  char const* path;
  char* const* arguments;
  char* const* environment;
  std::span<std::pair<int, int>> descriptors;
  int* error;
  int close_from;
  int descriptor_limit;
};

COHORT_BORROWED void close_from(int first, int limit) {
  if (::syscall(SYS_close_range, first, ~0U, 0) == 0) return;
  for (int number = first; number < limit; ++number) ::syscall(SYS_close, number);
}

/// Moves each descriptor to its number: first all out of the way, then all into place.
COHORT_BORROWED bool place_descriptors(Child& child) {
  for (auto& [from, to] : child.descriptors)
    if ((from = static_cast<int>(::syscall(SYS_fcntl, from, F_DUPFD_CLOEXEC, child.close_from))) < 0)
      return false;
  for (auto const& [from, to] : child.descriptors)
    if (::syscall(SYS_dup3, from, to, 0) < 0) return false;
  close_from(child.close_from, child.descriptor_limit);
  return true;
}

COHORT_BORROWED int child_main(void* argument) {
  Child& child = *static_cast<Child*>(argument);
  for (int signal = 1; signal <= 64; ++signal) {
    KernelSigaction action{};
    ::syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof action.mask);
  }
  std::uint64_t const none = 0;
  if (place_descriptors(child)) {
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
    ::syscall(SYS_execve, child.path, child.arguments, child.environment);
  }
  *child.error = errno;
  ::syscall(SYS_exit_group, 127);
  return 127;
}

/// A stack for the child, which must not run on the parent's.
class Stack {
 public:
  Stack()
      : base_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
    if (base_ == MAP_FAILED) fail(errno, "no memory for the stack of a new process");
  }
  ~Stack() { ::munmap(base_, size); }
  void* top() const { return static_cast<char*>(base_) + size; }

 private:
  static constexpr std::size_t size = 64 * 1024;
  void* base_;
};

/// Where the child says why it failed. Shared, because under valgrind and TSan the address space is a copy;
/// and no pipe, whose other end a fork by another thread would keep open.
class SharedInt {
 public:
  SharedInt()
      : page_(::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (page_ == MAP_FAILED) fail(errno, "no memory to start a process");
  }
  ~SharedInt() { ::munmap(page_, sizeof(int)); }
  SharedInt(SharedInt const&) = delete;
  SharedInt& operator=(SharedInt const&) = delete;
  int* get() const { return static_cast<int*>(page_); }

 private:
  void* page_;
};

std::vector<char*> pointers(std::vector<std::string> const& strings) {
  std::vector<char*> result;
  for (auto const& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

Launched borrow_and_exec(Child& child) {
  AllSignalsBlocked const blocked;
  Stack const stack;
  constexpr int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
  int pidfd = -1;
  int pid = ::clone(child_main, stack.top(), flags | CLONE_PIDFD, &child, &pidfd);
  if (pid < 0 && errno == EINVAL) {  // valgrind, and kernels before 5.2
    pid = ::clone(child_main, stack.top(), flags, &child);
    if (pid > 0) return {pid, pidfd_open(pid)};
  }
  if (pid < 0) fail(errno, "cannot start a process");
  return {pid, Descriptor(pidfd)};
}

}  // namespace

Launched launch(Launch const& what) {
  auto descriptors = what.descriptors;
  int highest = 2;
  for (auto const& [from, to] : descriptors) highest = std::max(highest, to);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  auto const arguments = pointers(what.arguments);
  auto const environment = pointers(what.environment);
  SharedInt const error;
  Child child{what.path.c_str(),
              arguments.data(),
              environment.data(),
              descriptors,
              error.get(),
              highest + 1,
              static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 20))};
  Launched launched = borrow_and_exec(child);

  if (*error.get() == 0) return launched;
  retry([&] { return ::waitpid(launched.pid, nullptr, 0); });
  fail(*error.get(), "cannot start {}", what.path);
}

}  // namespace cohort::os
