#include "os/pidfd.hpp"

#include "os/error.hpp"
#include "os/valgrind.hpp"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <cstdint>

namespace cohort::os {

Descriptor pidfd_open(pid_t pid) {
  if (under_valgrind()) return {};  // version 3.19 has none, and complains in ten lines
  Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));  // always close-on-exec
  if (!pidfd && (errno == EMFILE || errno == ENFILE)) fail(errno, "no descriptor left for process {}", pid);
  return pidfd;
}

bool send_signal(pid_t pid, int pidfd, int signal) {
  auto const sent =
      pidfd >= 0 ? ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) : ::kill(pid, signal);
  if (sent != 0 && errno != ESRCH) fail(errno, "cannot send signal {} to process {}", signal, pid);
  return sent == 0;
}

std::optional<int> kept_wait_status(Descriptor const& pidfd) {
  // struct pidfd_info and PIDFD_GET_INFO of <linux/pidfd.h>, which Debian 12 does not have yet.
  struct Info {
    std::uint64_t mask, cgroup_id;
    std::uint32_t pid, tgid, ppid, ids[8];
    std::int32_t exit_code;
  };
  constexpr std::uint64_t wants_exit_code = 1 << 3;
  Info info{};
  info.mask = wants_exit_code;
  static_assert(sizeof(Info) == 64);
  if (!pidfd || ::ioctl(pidfd.get(), _IOWR(0xFF, 11, Info), &info) != 0) return std::nullopt;
  if ((info.mask & wants_exit_code) == 0) return std::nullopt;
  return info.exit_code;
}

}  // namespace cohort::os
