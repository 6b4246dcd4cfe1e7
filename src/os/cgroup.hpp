#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace cohort::os {

/// The first line of a file of this process's control group, then of each group above it: the limits that
/// hold are the least of them. Groups without the file are left out. `v2` is the file's name in the unified
/// hierarchy, `v1` that in the old hierarchy of `controller`.
///
///     control_group_values("memory", "memory.max", "memory.limit_in_bytes")
///
/// In a container the path may be the host's and not exist here, but then the root is the container's group.
std::vector<std::string> control_group_values(std::string_view controller, char const* v2, char const* v1);

}  // namespace cohort::os
