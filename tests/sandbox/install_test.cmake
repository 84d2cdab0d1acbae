# Installs into a prefix of its own and rehearses from there, and from a root that has nothing but dboot-inject, a busybox
# beside it, which is to come along, and the kernel's own filesystems. Variables: BUILD, PREFIX, IMAGE_SCRIPT.
file(REMOVE_RECURSE ${PREFIX})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${IMAGE_SCRIPT} ${PREFIX}/image.tar COMMAND_ERROR_IS_FATAL ANY)

# rehearse(COMMAND…): what ends with a rehearsal whose command exits with 42
function(rehearse)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status ERROR_VARIABLE errors OUTPUT_QUIET)
  if(NOT status EQUAL 42 OR NOT errors MATCHES "rehearsing")
    message(FATAL_ERROR "status ${status}, not 42; it said: ${errors}")
  endif()
endfunction()

foreach(page man8/dboot-inject.8 man8/dboot-init.8 man5/dboot-dry-run.5 man5/dboot-log.5 man1/dboot-log.1 man1/dboot-plan.1 man5/dboot-plan.5 man7/dboot-payload.7)
  if(NOT EXISTS ${PREFIX}/share/man/${page})
    message(FATAL_ERROR "no manual page ${page}")
  endif()
endforeach()
foreach(file bash-completion/completions/dboot-inject bash-completion/completions/dboot-log zsh/site-functions/_dboot-plan
             fish/vendor_completions.d/dboot-inject.fish doc/dboot/README.md doc/dboot/handbook.md doc/dboot/CHANGELOG.md doc/dboot/LICENSE)
  if(NOT EXISTS ${PREFIX}/share/${file})
    message(FATAL_ERROR "no ${file}")
  endif()
endforeach()
# What documents link to has come along.
file(GLOB documents ${PREFIX}/share/doc/dboot/*.md)
foreach(document IN LISTS documents)
  file(READ ${document} text)
  # A list would take brackets for its own.
  string(REPLACE "](" "%link%" text "${text}")
  string(REGEX MATCHALL "%link%[^)]*" links "${text}")
  foreach(link IN LISTS links)
    string(REPLACE "%link%" "" link "${link}")
    if(NOT link MATCHES "^https:" AND NOT EXISTS ${PREFIX}/share/doc/dboot/${link})
      message(FATAL_ERROR "${document} links to ${link}, which is not there")
    endif()
  endforeach()
endforeach()
rehearse(${PREFIX}/sbin/dboot-inject --rehearse ${PREFIX}/image.tar -- /bin/sh -c "exit 42")
set(bare
    "mount --make-rprivate / && mkdir -p root && mount -t tmpfs bare root && cd root && mkdir dev proc run sys"
    "&& cp ../sbin/dboot-inject ../image.tar $(command -v busybox) . && mount --rbind /dev dev && mount --rbind /sys sys && mount -t proc proc proc"
    "&& exec chroot . /dboot-inject --rehearse ./image.tar -- /bin/sh -c 'test -x /run/dboot/busybox && exit 42'")
list(JOIN bare " " bare)
rehearse(${CMAKE_COMMAND} -E chdir ${PREFIX} unshare --fork --pid --mount --kill-child sh -c "${bare}")
file(REMOVE_RECURSE ${PREFIX})
