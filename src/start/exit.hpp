#pragma once

/// How a process of the tree ends, as Python's `multiprocessing.util._exit_function` does it.
namespace cohort::start {

/// stdout and stderr, of C and of C++.
void flush_standard_streams();

/// At the normal exit of this process its daemonic children are terminated and the others joined.
void arrange_exit();

/// The same for a child that calls `std::exit`, which then ends as `finish` says.
void arrange_childs_exit();

/// Whether that clean-up has begun: nothing is to be started any more.
bool is_exiting();

/// That clean-up, then the end of a child: streams are flushed, destructors of globals and the parent's
/// atexit handlers do not run.
[[noreturn]] void finish(int exitcode) noexcept;

}  // namespace cohort::start
