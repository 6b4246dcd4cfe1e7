#pragma once
#include <cohort/detail/archive.hpp>

#include "memory/slots.hpp"
#include "os/lifeline.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cohort::start {

/// What a process is, told to it by the parent that starts it.
struct Identity {
  std::string name;
  std::vector<std::uint32_t> path;  ///< {1, 2} is the second child of the first child of the root
  bool daemon = false;
  std::string parent_name;
  std::int32_t parent_pid = 0;
  std::string start_method;  ///< the program's, with which it starts children of its own
  memory::Slot slot;         ///< its row in the arena's table of processes
};

/// Who this process is: the root of the tree until `become` is called.
Identity const& self();

/// Begins the life of a child: takes on the identity, keeps the lifeline and, if daemonic, hangs its life on
/// it.
void become(Identity identity, os::Descriptor lifeline);

/// The lifeline of this process: at its end once the parent is gone; empty in the root.
os::Descriptor const& parent_lifeline();

/// Begins to number the children of this process from 1.
void count_children();
/// The path of the next child of this process.
std::vector<std::uint32_t> next_child_path();

/// Pool workers are daemonic, yet may have children: they end with their parent anyway.
void allow_children();
bool may_have_children();

}  // namespace cohort::start
