# Runs at installation: the unit with the paths of this prefix, and the folder of the configuration.
# Given by CMakeLists.txt: sbindir, docdir (below the prefix), source_dir, binary_dir. DESTDIR is file(INSTALL)'s own affair.
set(CMAKE_INSTALL_FULL_SBINDIR "${CMAKE_INSTALL_PREFIX}/${sbindir}")
set(CMAKE_INSTALL_FULL_DOCDIR "${CMAKE_INSTALL_PREFIX}/${docdir}")
if(CMAKE_INSTALL_PREFIX MATCHES "^/usr(/local)?/*$")
	set(sysconfdir /etc)
else()
	set(sysconfdir "${CMAKE_INSTALL_PREFIX}/etc")
endif()
configure_file("${source_dir}/leadrelayd.service.in" "${binary_dir}/leadrelayd.service" @ONLY)
file(INSTALL DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system" TYPE FILE FILES "${binary_dir}/leadrelayd.service")
# An empty folder: what is in it is the operator's. It holds secrets; the group leadrelay is given to it with the user.
file(MAKE_DIRECTORY "${binary_dir}/leadrelay")
file(INSTALL DESTINATION "${sysconfdir}" TYPE DIRECTORY FILES "${binary_dir}/leadrelay"
	DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE)
