"""Makes the demo model: `python3 make.py [FOLDER]`.

Draws the images, learns the vocabulary, trains, writes the two GGUF files into FOLDER, and draws the evaluation set. An
interrupted run continues where it was.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else f'{HERE}/out')
PICTURES, SEED = 70_000, 'train'

# ops.py and the libraries read these when they are loaded.
os.environ.setdefault('TRAIN_DIR', FOLDER)
os.environ.setdefault('OMP_NUM_THREADS', '1')
# Makes the C library of the training process keep freed memory, because each step allocates the same again.
for setting in ('MALLOC_TRIM_THRESHOLD_', 'MALLOC_MMAP_THRESHOLD_'): os.environ.setdefault(setting, '4000000000')


def main():
    from draw_examples import draw_examples
    from make_tokenizer import make as make_tokenizer
    from pool import draw_pool
    os.makedirs(FOLDER, exist_ok=True)
    draw_pool(f'{FOLDER}/pool', PICTURES, SEED, os.cpu_count())
    if not os.path.exists(f'{FOLDER}/tokenizer.json'): make_tokenizer(FOLDER)
    # The workers are forked from a separate process.
    subprocess.run([sys.executable, f'{HERE}/train.py', FOLDER], check=True)
    from export import export
    export(FOLDER, FOLDER)
    if not os.path.exists(f'{FOLDER}/evaluation/examples.json'): draw_examples(f'{FOLDER}/evaluation')


if __name__ == '__main__': main()
