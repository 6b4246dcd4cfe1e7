#include "memory/arena.hpp"

#include <cohort/errors.hpp>

#include "memory/budget.hpp"
#include "os/error.hpp"
#include "os/memfd.hpp"
#include "os/valgrind.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <bit>

namespace cohort::memory {

namespace {

namespace bip = boost::interprocess;

constexpr std::uint64_t magic = 0x616e657261686f63;  // "coharena"
constexpr std::uint64_t version = 1;
constexpr std::size_t smallest_size = std::size_t{64} << 20;

/// Far from where the kernel puts mappings of its own choice, under sanitizers and valgrind too, so that
/// nearly every process has the arena at one address, which helps whoever reads a debugger.
void* const usual_address = reinterpret_cast<void*>(0x7e9000000000);

/// What Boost.Interprocess asks of something it can map.
struct Mappable {
  int descriptor;
  bip::mapping_handle_t get_mapping_handle() const { return {descriptor, false}; }
  bip::mode_t get_mode() const { return bip::read_write; }
};

// Neither is guarded by a mutex, which a fork by another thread would copy locked.
std::atomic<Arena*> the_arena{nullptr};
std::atomic<int> adopted_file{-1};

/// memcheck reads all memory that can be written when a process ends, in search of pointers to leaked blocks:
/// that would fill every hole of the file.
constexpr std::size_t size_under_valgrind = std::size_t{256} << 20;

/// Leaves half of a limited address space to the program.
std::size_t first_size() {
  if (os::under_valgrind()) return size_under_valgrind;
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return Arena::largest_size;
  return std::min(Arena::largest_size, std::bit_floor(std::size_t{limit.rlim_cur} / 2));
}

}  // namespace

OutOfMemory::OutOfMemory(std::size_t asked, std::size_t used, std::size_t budget) {
  auto const end =
      fmt::format_to_n(message_, sizeof message_ - 1,
                       "cohort: no shared memory for {} bytes: {} of the budget of {} are in use "
                       "(COHORT_MEMORY_LIMIT sets the budget, in bytes)",
                       asked, used, budget);
  *end.out = '\0';
}

Arena::Arena() : is_root_(true) {
  for (std::size_t size = first_size(); size >= smallest_size; size /= 2) {
    try {
      file_ = os::memory_file("cohort-arena", size);
    } catch (std::system_error const& error) {
      if (error.code() != std::errc::file_too_large) throw;
      continue;
    }
    if (!map(file_.get(), size)) continue;
    header().version = version;
    header().size = size;
    set_budget(default_budget());
    header().magic = magic;
    return;
  }
  os::fail(ENOMEM,
           "no address space for shared memory: {} MiB are needed at least; raise RLIMIT_AS (ulimit -v) and "
           "RLIMIT_FSIZE (ulimit -f)",
           smallest_size >> 20);
}

Arena::Arena(int file) {
  auto const size = os::file_size(file);
  auto const fits = size >= smallest_size && size <= largest_size && std::has_single_bit(size);
  if (!fits || !os::is_sealed(file))
    throw RuntimeError("cohort: the descriptor that should be the parent's shared memory is something else");
  if (!map(file, size))
    os::fail(ENOMEM, "no address space for the parent's {} MiB of shared memory; raise RLIMIT_AS (ulimit -v)",
             size >> 20);
  if (header().magic != magic || header().version != version || header().size != size)
    throw RuntimeError(
        "cohort: the parent's shared memory was made by another version of cohort; parent and child must be "
        "the same program");
  file_ = os::Descriptor(file);  // only now: after an error it must stay what was adopted
}

bool Arena::map(int file, std::size_t size) {
  int const options = MAP_SHARED | MAP_NORESERVE;
  Mappable const mappable{file};
  auto const attempt = [&](void* address, int more) {
    try {
      bip::mapped_region(mappable, bip::read_write, 0, size, address, options | more).swap(region_);
      return true;
    } catch (bip::interprocess_exception const&) {
      return false;
    }
  };
  if (!attempt(usual_address, MAP_FIXED_NOREPLACE) && !attempt(nullptr, 0)) return false;
  base_ = static_cast<std::byte*>(region_.get_address());
  size_ = size;
  // A core dump would fault in every hole of the file, and leave it that large in the surviving processes.
  // This is a property of the mapping: each process that maps the file must say it again.
  if (::madvise(base_, size, MADV_DONTDUMP) != 0)
    os::fail(errno, "cannot keep shared memory out of core dumps");
  return true;
}

void Arena::adopt(os::Descriptor file) {
  if (the_arena.load() != nullptr) throw RuntimeError("cohort: this process has its shared memory already");
  int none = -1;
  if (!adopted_file.compare_exchange_strong(none, file.get()))
    throw RuntimeError("cohort: this process has adopted its parent's shared memory already");
  file.release();
}

void Arena::refuse(Offset offset) {
  throw RuntimeError(fmt::format("cohort: {:#x} is no place in shared memory", offset));
}

bool has_arena() { return the_arena.load() != nullptr || adopted_file.load() >= 0; }

Arena& arena() {
  if (Arena* const made = the_arena.load(std::memory_order_acquire)) return *made;
  // Threads that come here at once each make one; all but the first to get this far throw theirs away.
  int const file = adopted_file.load();
  Arena* const mine = file >= 0 ? new Arena(file) : new Arena;
  Arena* first = nullptr;
  if (the_arena.compare_exchange_strong(first, mine, std::memory_order_acq_rel)) return *mine;
  if (file >= 0) mine->file_.release();
  delete mine;
  return *first;
}

}  // namespace cohort::memory
