//! Boot time by the number of roles, which determines the size of the configuration.

use crate::race;
use crate::stage::Stage;

pub fn measure(stage: &Stage) {
    let noop = stage.noop.display();
    let mut runners = [4, 40, 400].map(|count| {
        let roles: String = (0..count)
            .map(|number| {
                format!(
                    "[roles.{}]\ncommand = [\"{noop}\"]\n",
                    if number == 0 { "web".into() } else { format!("r{number}") }
                )
            })
            .collect();
        let text = format!("{}{roles}", stage.mounts());
        let path = stage.configuration(&format!("roles{count}.toml"), &text);
        stage.init(format!("{count} roles, {} bytes", text.len()), &path, &[])
    });
    race::run(&mut runners, stage.rounds / 2, &|| stage.reset());
    race::table("Boot time against the configuration", &mut runners, 0);
}
