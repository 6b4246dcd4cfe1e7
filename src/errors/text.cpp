#include <fmt/format.h>
#include <cohort/detail/exceptions.hpp>

namespace cohort::detail {
namespace {
constexpr std::size_t max_text = 64 * 1024;
}

void save_text(Writer& out, std::string_view text) {
  static constexpr std::string_view mark = " [cut short]";
  auto const cut = text.size() > max_text;
  if (cut) text = text.substr(0, max_text - mark.size());
  out.scalar(static_cast<std::uint32_t>(text.size() + (cut ? mark.size() : 0)));
  out.bytes(text.data(), text.size());
  if (cut) out.bytes(mark.data(), mark.size());
}

std::string load_text(Reader& in) {
  auto const size = in.scalar<std::uint32_t>();
  if (size > max_text)
    throw UnpicklingError(
        fmt::format("cohort: a text of {} bytes in an exception, at most {} are sent", size, max_text));
  return std::string(reinterpret_cast<char const*>(in.skip(size)), size);
}

}  // namespace cohort::detail
