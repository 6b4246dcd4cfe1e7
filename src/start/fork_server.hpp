#pragma once
#include <cohort/detail/archive.hpp>

#include <sys/types.h>

namespace cohort::start {

/// The server's answer to a letter; the new process's pidfd comes with it.
struct ServerReply {
  pid_t pid;
  int error;
};

/// What the server's process runs: it serves letters from the socket that came with its own letter until the
/// program closes the other end.
void serve(detail::Reader& order);

}  // namespace cohort::start
