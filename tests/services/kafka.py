# SPDX-License-Identifier: AGPL-3.0-only
"""
An Apache Kafka broker of our own, in KRaft mode, on the loopback interface.

Tests get one from the fixture ``bus``, people from ``make services.up``. Wants Java 17 or newer and Maven.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.services.java import FLAGS, JavaServer, program, run
from tests.services.ports import HOST, accepts, free_port, need_free

PARTITIONS: Final = 3

_POM: Final = Path(__file__).with_name("kafka.pom.xml")
_PROPERTIES: Final = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=CLIENTS://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=CLIENTS://{host}:{port}
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,CLIENTS:{protocol}
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
num.partitions={partitions}
"""
#: The first user is the broker's own, and may do all; another may log in, and nothing else.
_PASSWORDS: Final = """
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.clients.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
    username="{user}" password="{password}" {users};
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{user};User:ANONYMOUS
"""


class Kafka(JavaServer):
    """
    One broker, which is its own controller.

    :param port: TCP port; by default a free one
    :param passwords: by user, of whom the first may do all and the others nothing; by default everybody may do all
    """

    def __init__(self, directory: Path, port: int | None = None, passwords: Mapping[str, str] | None = None) -> None:
        super().__init__(directory)
        self.passwords = passwords or {}
        self.port = port or free_port()
        self.controller_port = port + 1 if port else free_port()

    @property
    def address(self) -> str:
        """The value of clients' ``bootstrap.servers``."""
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """
        Start the broker, on a new data directory the first time, and wait until it accepts connections.

        :raises JavaMissing: Java or Maven is not installed
        :raises JavaFailed: it did not start
        :raises PortTaken: another program listens on one of its ports
        """
        need_free("Kafka", self.port, self.controller_port)
        java = ["java", *FLAGS, "-cp", str(_libraries() / "*")]
        properties = self.directory / "kafka.properties"
        if not (self.directory / "data").exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            properties.write_text(
                _PROPERTIES.format(
                    host=HOST,
                    port=self.port,
                    controller_port=self.controller_port,
                    data=self.directory / "data",
                    partitions=PARTITIONS,
                    protocol="SASL_PLAINTEXT" if self.passwords else "PLAINTEXT",
                )
                + self._password_properties()
            )
            *_, cluster = run([*java, "kafka.tools.StorageTool", "random-uuid"]).split()
            run([*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)])
        self.launch([*java, "kafka.Kafka", str(properties)], {}, lambda: accepts(self.port))

    def _password_properties(self) -> str:
        if not self.passwords:
            return ""
        user, password = next(iter(self.passwords.items()))
        users = " ".join(f'user_{name}="{word}"' for name, word in self.passwords.items())
        return _PASSWORDS.format(user=user, password=password, users=users)


def _libraries() -> Path:
    """The broker's jars: some 55 MB, brought the first time."""
    with program("kafka-4.1.0") as (directory, is_there):
        if not is_there:
            run(["mvn", "-B", "-q", "-f", str(_POM), "dependency:copy-dependencies", f"-DoutputDirectory={directory}"])
    return directory
