// The stack at the throw point, without a hook in __cxa_throw: unwinding has two phases, and in the first,
// which looks for a handler while the stack is still whole, libstdc++ asks the type_info of each catch clause
// through its virtual __do_catch whether it matches. The type_info of the clause below is our own; it takes
// the backtrace and says no. An exception caught further in never gets that far.
#include <cxxabi.h>
#include <unwind.h>
#include <cohort/detail/backtrace.hpp>
#include <cohort/errors.hpp>

#include <typeinfo>
#include <utility>

namespace cohort::detail {
namespace {

/// What the innermost run_guarded of this thread wants to be filled, and where its stack frame is.
struct Target {
  Backtrace* trace;
  std::uintptr_t frame;
};
thread_local Target target{};

/// Puts the previous target back also when cancellation unwinds the thread.
struct Retarget {
  explicit Retarget(Target next) : previous(std::exchange(target, next)) {}
  ~Retarget() { target = previous; }
  Target const previous;
};

#ifdef __GLIBCXX__

_Unwind_Reason_Code take_frame(_Unwind_Context* context, void*) {
  if (target.trace->full()) return _URC_END_OF_STACK;
  // The context's CFA is the stack pointer within the frame: it passes run_guarded's frame with the caller of
  // run_guarded, which is the frame before.
  if (_Unwind_GetCFA(context) > target.frame) {
    target.trace->pop();
    return _URC_END_OF_STACK;
  }
  int before_instruction = 0;
  auto const address = _Unwind_GetIPInfo(context, &before_instruction);
  // A return address may belong to the next line, or the next function: the call is what comes before it.
  target.trace->push(before_instruction != 0 ? address : address - 1);
  return _URC_NO_REASON;
}

}  // namespace

/// Only named in a catch clause. The destructor is its key function and defined nowhere, so compilers take
/// its type_info from elsewhere: from here.
struct throw_probe {
  virtual ~throw_probe();
};

class ProbeTypeInfo : public std::type_info {
 public:
  ProbeTypeInfo() : std::type_info("N6cohort6detail11throw_probeE") {}
  bool __do_catch(std::type_info const* thrown, void**, unsigned) const override {
    if (*thrown != typeid(abi::__forced_unwind)) {
      target.trace->clear();
      _Unwind_Backtrace(take_frame, nullptr);
    }
    return false;
  }
};

// The earliest priority that is free: exceptions may come before main, from other constructors.
extern ProbeTypeInfo const probe_type_info asm("_ZTIN6cohort6detail11throw_probeE");
__attribute__((used, init_priority(101))) ProbeTypeInfo const probe_type_info;

#else
}  // namespace
#endif

// no_sanitize: a forced unwind has no exception object, so the reference to it is null.
__attribute__((noinline, no_sanitize("null"))) std::exception_ptr run_guarded(void (*function)(void*),
                                                                              void* argument,
                                                                              Backtrace& trace) {
  trace.clear();
  Retarget const here({&trace, reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0))});
  try {
    function(argument);
    return nullptr;
  }
#ifdef __GLIBCXX__
  catch (throw_probe&) {
    __builtin_unreachable();
  } catch (abi::__forced_unwind&) {
    throw;
  }
#endif
  catch (...) {
    if (auto error = std::current_exception()) return error;
    return std::make_exception_ptr(RuntimeError("cohort: an exception of another language was thrown"));
  }
}

}  // namespace cohort::detail
