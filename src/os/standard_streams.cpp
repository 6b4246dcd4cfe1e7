#include "os/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace cohort::os {

void open_standard_streams() {
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number) {
    if (::fcntl(number, F_GETFD) != -1) continue;
    int const opened = ::open("/dev/null", O_RDWR | O_CLOEXEC);  // the lowest number that is free
    if (opened > STDERR_FILENO)
      ::close(opened);  // another thread was quicker
    else
      ::fcntl(opened, F_SETFD, 0);
  }
}

}  // namespace cohort::os
