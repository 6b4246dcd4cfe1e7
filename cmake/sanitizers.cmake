set(COHORT_SANITIZE "" CACHE STRING "Sanitizers to build with: address, thread, undefined, or address,undefined")

# Builds a target, and what links to it in this build, with the sanitizers of COHORT_SANITIZE. The first
# finding ends the program.
function(cohort_sanitize target)
  if(NOT COHORT_SANITIZE)
    return()
  endif()
  string(REPLACE ";" "," sanitizers "${COHORT_SANITIZE}")
  # The vptr check probes memory through a pipe, and reports whatever it sees when descriptors have run out.
  set(flags -fsanitize=${sanitizers} -fno-sanitize=vptr -fno-sanitize-recover=all)
  target_compile_options(${target} PUBLIC "$<BUILD_INTERFACE:${flags};-fno-omit-frame-pointer>"
    # g++ loses track of values between the sanitizer's checks, in the standard library too.
    $<BUILD_INTERFACE:$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>>)
  target_link_options(${target} PUBLIC "$<BUILD_INTERFACE:${flags}>")
endfunction()
