#pragma once
#include <cohort/callable.hpp>
#include <cohort/detail/entry.hpp>
#include <cohort/errors.hpp>
#include <cohort/pickle.hpp>

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

/// Tasks: how a call is written for a worker, and what the worker runs.
namespace cohort::detail {

/// What a worker calls: reads the rest of the task and writes the value.
using Call = void(Reader&, Writer&);

/// `void` where a value is needed.
template <class R> using none_for_void = std::conditional_t<std::is_void_v<R>, NoneType, R>;

/// Calls and makes `None` of `void`.
template <class F, class... A> auto call_value(F& function, A&&... arguments) {
  if constexpr (std::is_void_v<std::invoke_result_t<F&, A...>>) {
    std::invoke(function, std::forward<A>(arguments)...);
    return None;
  } else {
    return std::invoke(function, std::forward<A>(arguments)...);
  }
}

/// One call with its arguments.
template <class F, class... A> struct SingleCall {
  static void write(Writer& writer, F const& function, A const&... arguments) {
    save_entry(writer, entry<Call, &run, SingleCall>);
    save_callable(writer, function);
    (detail::save(writer, arguments), ...);
  }

  static void run(Reader& reader, Writer& writer) {
    // Braces, so that the parts are read in the order they were written.
    std::tuple<F, A...> parts{load_callable<F>(reader), detail::load<A>(reader)...};
    std::apply(
        [&](F& function, A&... arguments) { save(writer, call_value(function, std::move(arguments)...)); },
        parts);
  }
};

/// A call for each of a run of items; the value is the vector of their results.
template <class F, class T> struct ChunkCall {
  using Value = none_for_void<std::remove_cvref_t<std::invoke_result_t<F&, T>>>;

  /// To be followed by `count` items.
  static void begin(Writer& writer, F const& function, std::size_t count) {
    save_entry(writer, entry<Call, &run, ChunkCall>);
    save_callable(writer, function);
    writer.scalar(static_cast<std::uint64_t>(count));
  }
  static void item(Writer& writer, T const& item) { save(writer, item); }

  static void run(Reader& reader, Writer& writer) {
    F function = load_callable<F>(reader);
    std::vector<Value> values;
    for (auto left = reader.scalar<std::uint64_t>(); left != 0; --left)
      values.push_back(call_value(function, load<T>(reader)));
    save(writer, values);
  }
};

}  // namespace cohort::detail
