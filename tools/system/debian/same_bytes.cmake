# Packs the package anew by dpkg-deb, which sorts the files, with all times at SOURCE_DATE_EPOCH; CPack does neither.
foreach(package ${CPACK_PACKAGE_FILES})
	set(folder "${package}.unpacked")
	file(REMOVE_RECURSE "${folder}")
	execute_process(COMMAND dpkg-deb --raw-extract "${package}" "${folder}" COMMAND_ERROR_IS_FATAL ANY)
	if(DEFINED ENV{SOURCE_DATE_EPOCH})
		execute_process(COMMAND find "${folder}" -exec touch -h -d @$ENV{SOURCE_DATE_EPOCH} {} + COMMAND_ERROR_IS_FATAL ANY)
	endif()
	execute_process(COMMAND dpkg-deb --root-owner-group -Zxz --build "${folder}" "${package}"
		OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
	file(REMOVE_RECURSE "${folder}")
endforeach()
