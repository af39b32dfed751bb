# Drives the completion of leadctl as readline does: a line of input is a command line up to the cursor, and is
# answered by a line of what could follow.
# usage: bash --norc complete.bash FOLDER-OF-LEADCTL COMPLETION <LINES
PATH=$1:$PATH
source /usr/share/bash-completion/bash_completion
source "$2"
compopt() { :; }              # there is no readline to be told
timeout() { shift && "$@"; } # a busy machine may take longer than a person would wait

case $(complete -p leadctl) in
"complete -F _leadctl leadctl") ;;
*) echo "nothing completes leadctl" >&2 && exit 1 ;;
esac

while IFS= read -r COMP_LINE; do
	COMP_POINT=${#COMP_LINE}
	# readline breaks words at = too
	read -ra COMP_WORDS <<<"${COMP_LINE//=/ = }"
	[[ $COMP_LINE == *[\ =] ]] && COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_leadctl leadctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	echo "${COMPREPLY[*]}"
done
