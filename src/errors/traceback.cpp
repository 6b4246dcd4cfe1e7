#include "errors/traceback.hpp"

#include <fmt/format.h>
#include <cohort/detail/exceptions.hpp>
#include <cohort/detail/type_name.hpp>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string_view>

#include "code/module.hpp"
#include "errors/symbols.hpp"

namespace cohort::detail {
namespace {

/// One line of the text to be.
struct Line {
  std::string function;
  std::string place;
};

/// What raised the exception, by its mangled name: the outermost function of the C++ runtime. Known by name,
/// as sanitizers wrap it and its address may be that of a stub.
bool is_throw(std::string_view function) {
  return function.ends_with("__cxa_throw") || function.ends_with("__cxa_rethrow") ||
         function.starts_with("_ZSt17rethrow_exception");
}

/// Functions of cohort and of the standard library, by their mangled names: what runs a task, when it stands
/// outermost.
bool is_runner(std::string_view function) {
  if (!function.starts_with("_Z")) return false;
  auto const name = function.substr(std::min(function.find_first_not_of("ZNK", 2), function.size()));
  return name.starts_with("6cohort") || name.starts_with("St");
}

/// The file of a module, for addr2line.
std::string file_of(std::string const& path) {
  std::error_code none;
  return path.empty() ? std::filesystem::read_symlink("/proc/self/exe", none).string() : path;
}

}  // namespace

Traceback::Traceback(std::string text) : tail_(std::move(text)) {}

Traceback::Traceback(Backtrace const& trace, std::string tail) : tail_(std::move(tail)) {
  for (auto const address : trace.frames()) {
    auto const* const module = code::module_of(address);
    if (module == nullptr) {
      frames_.push_back({no_module, address});
      continue;
    }
    auto const known = std::ranges::find(modules_, module->id, &Module::id);
    frames_.push_back({static_cast<std::uint32_t>(known - modules_.begin()), address - module->base});
    if (known == modules_.end()) modules_.push_back({module->id, module->path});
  }
}

Traceback::~Traceback() { delete text_.load(); }

std::string const& Traceback::text() const {
  if (auto const* text = text_.load()) return *text;
  auto fresh = std::make_unique<std::string const>(render());
  std::string const* expected = nullptr;
  return text_.compare_exchange_strong(expected, fresh.get()) ? *fresh.release() : *expected;
}

std::string Traceback::render() const {
  auto const& loaded = code::modules();
  std::vector<Line> lines;
  for (auto const& frame : frames_) {
    if (frame.module == no_module) {
      lines.push_back({{}, fmt::format("{:#x}", frame.offset)});
      continue;
    }
    auto const& module = modules_[frame.module];
    auto const offset = fmt::format("{}+{:#x}", file_of(module.path), frame.offset);
    auto const found = std::ranges::find(loaded, module.id, &code::Module::id);
    auto const places =
        found == loaded.end() ? std::vector<errors::Place>{} : errors::places_at(found->base + frame.offset);
    if (places.empty()) lines.push_back({{}, offset});
    for (auto const& place : places)
      lines.push_back({place.function, place.file.empty() ? "in " + offset
                                                          : fmt::format("at {}:{}", place.file, place.line)});
  }
  auto const thrower = std::ranges::find_if(lines.rbegin(), lines.rend(), is_throw, &Line::function).base();
  if (thrower != lines.end()) lines.erase(lines.begin(), thrower);
  while (lines.size() > 1 && is_runner(lines.back().function)) lines.pop_back();

  std::string text;
  for (std::size_t i = 0; i != lines.size(); ++i) {
    auto const name = demangle(lines[i].function.c_str());
    fmt::format_to(std::back_inserter(text), "  #{} {}{}{}\n", i, name, name.empty() ? "" : " ",
                   lines[i].place);
  }
  return text + tail_;
}

void Traceback::save(Writer& out, Traceback const* traceback) {
  static Traceback const& none = *new Traceback(std::string());
  auto const& saved = traceback == nullptr ? none : *traceback;
  out.scalar(static_cast<std::uint32_t>(saved.modules_.size()));
  for (auto const& module : saved.modules_) {
    out.scalar(module.id);
    save_text(out, module.path);
  }
  out.scalar(static_cast<std::uint32_t>(saved.frames_.size()));
  for (auto const& frame : saved.frames_) {
    out.scalar(frame.module);
    out.scalar(frame.offset);
  }
  save_text(out, saved.tail_);
}

std::shared_ptr<Traceback const> Traceback::load(Reader& in) {
  auto const count = [&] {
    auto const value = in.scalar<std::uint32_t>();
    if (value > Backtrace::capacity)
      throw UnpicklingError(
          fmt::format("cohort: a backtrace of {} frames, at most {} are sent", value, Backtrace::capacity));
    return value;
  };
  auto loaded = std::make_shared<Traceback>(std::string());
  for (auto left = count(); left != 0; --left) {
    auto const id = in.scalar<std::uint64_t>();
    loaded->modules_.push_back({id, load_text(in)});
  }
  for (auto left = count(); left != 0; --left) {
    auto const module = in.scalar<std::uint32_t>();
    if (module != no_module && module >= loaded->modules_.size())
      throw UnpicklingError(
          fmt::format("cohort: a backtrace names module {} of {}", module, loaded->modules_.size()));
    loaded->frames_.push_back({module, in.scalar<std::uint64_t>()});
  }
  loaded->tail_ = load_text(in);
  return loaded;
}

std::shared_ptr<Traceback const> Traceback::carried_by(std::exception_ptr const& error) {
  if (error == nullptr) return nullptr;
  try {
    std::rethrow_exception(error);
  } catch (RemoteTraceback const& remote) {
    return remote.traceback();
  } catch (RemoteError const& remote) {
    return remote.traceback_;
  } catch (...) {
    return nullptr;
  }
}

}  // namespace cohort::detail

namespace cohort {

RemoteError::RemoteError(std::string const& what, std::string type, std::string traceback)
    : RemoteError(what, std::move(type),
                  traceback.empty() ? nullptr : std::make_shared<detail::Traceback>(std::move(traceback))) {}

RemoteError::RemoteError(std::string const& what, std::string type,
                         std::shared_ptr<detail::Traceback const> traceback)
    : std::runtime_error(what), type_(std::move(type)), traceback_(std::move(traceback)) {}

std::string const& RemoteError::traceback() const {
  static std::string const& none = *new std::string;
  return traceback_ == nullptr ? none : traceback_->text();
}

std::string remote_traceback(std::exception_ptr error) {
  auto const traceback = detail::Traceback::carried_by(error);
  return traceback == nullptr ? std::string() : traceback->text();
}

}  // namespace cohort
