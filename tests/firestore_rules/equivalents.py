from tests.firestore_rules.mutants import Mutant
def reason_for(mutant: Mutant) -> str | None:
    return None
